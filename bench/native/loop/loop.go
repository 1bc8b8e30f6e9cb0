// Package loop is a single-threaded event loop on epoll: one thread, one read buffer, one heap of timers.
//
// The fake upstream and the load generator share a core while the gateway under test has the other, so what they
// cost decides what can be measured. A goroutine and a deadline per connection cost several microseconds an event;
// this costs the system calls and little else. Linux only.
//
// A loop may stay awake: it asks for events all the time, and gives its core to whoever else wants it when there are
// none. Otherwise a gateway pays for waking it, with an interrupt to the other core (in a virtual machine several
// microseconds), and pays the more often the slower it is: a fast one finds it busy.
package loop

import (
	"fmt"
	"net"
	"syscall"
	"time"
	"unsafe"
)

// epoll_pwait2 has this number on every architecture.
const sysEpollPwait2 = 441

var (
	birth  = time.Now()
	offset = bootClock()
)

func bootClock() int64 {
	var ts syscall.Timespec
	const clockMonotonic = 1
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		panic(errno)
	}
	return ts.Nano() - int64(time.Since(birth))
}

// Now reads CLOCK_MONOTONIC in nanoseconds: two programs on one machine can compare their readings.
func Now() int64 { return offset + int64(time.Since(birth)) }

// Loop owns its connections and timers. Nothing in it may be touched from another goroutine.
type Loop struct {
	ep     int
	files  map[int32]file
	timers timers
	ready  [512]syscall.EpollEvent
	buffer []byte
	awake  bool
	coarse bool // the kernel has no epoll_pwait2: timers fire up to a millisecond late
}

type file interface {
	handle(events uint32)
}

// New makes a loop.
func New(awake bool) (*Loop, error) {
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &Loop{ep: ep, files: map[int32]file{}, buffer: make([]byte, 256<<10), awake: awake}, nil
}

// SetAwake says whether the loop never sleeps.
func (l *Loop) SetAwake(awake bool) { l.awake = awake }

// Run handles events until done says so, which is asked after each round of them.
func (l *Loop) Run(done func() bool) error {
	for !done() {
		sleep := l.timers.fire(Now())
		if l.awake {
			sleep = 0
		}
		count, err := l.wait(sleep)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("epoll: %w", err)
		}
		if l.awake && count == 0 {
			_, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0)
		}
		for i := 0; i < count; i++ {
			// A connection closed by an earlier event of this round is no longer in the map.
			if f := l.files[l.ready[i].Fd]; f != nil {
				f.handle(l.ready[i].Events)
			}
		}
	}
	return nil
}

// wait sleeps at most `sleep` nanoseconds.
func (l *Loop) wait(sleep int64) (int, error) {
	if l.coarse {
		return syscall.EpollWait(l.ep, l.ready[:], int((sleep+999_999)/1_000_000))
	}
	ts := syscall.NsecToTimespec(sleep)
	n, _, errno := syscall.Syscall6(sysEpollPwait2, uintptr(l.ep), uintptr(unsafe.Pointer(&l.ready[0])),
		uintptr(len(l.ready)), uintptr(unsafe.Pointer(&ts)), 0, 0)
	if errno == syscall.ENOSYS || errno == syscall.EPERM {
		l.coarse = true
		return 0, syscall.EINTR
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (l *Loop) add(fd int, events uint32, f file) error {
	event := syscall.EpollEvent{Events: events, Fd: int32(fd)}
	if err := syscall.EpollCtl(l.ep, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
		return err
	}
	l.files[int32(fd)] = f
	return nil
}

type listener struct {
	loop   *Loop
	fd     int
	accept func(*Conn) Handler
}

// Listen accepts on 127.0.0.1; port 0 takes any. It returns the port.
func (l *Loop) Listen(port int, accept func(*Conn) Handler) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if err := syscall.Bind(fd, loopback(port)); err != nil {
		return 0, fmt.Errorf("bind to port %d: %w", port, err)
	}
	if err := syscall.Listen(fd, 4096); err != nil {
		return 0, err
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	return name.(*syscall.SockaddrInet4).Port, l.add(fd, syscall.EPOLLIN, &listener{l, fd, accept})
}

func (s *listener) handle(uint32) {
	for {
		fd, _, err := syscall.Accept4(s.fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		c := &Conn{loop: s.loop, fd: fd}
		c.handler = s.accept(c)
		if c.open() != nil {
			_ = syscall.Close(fd)
		}
	}
}

// Dial begins to connect to 127.0.0.1; what is written before the connection stands waits for it.
func (l *Loop) Dial(port int, handler Handler) (*Conn, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &Conn{loop: l, fd: fd, handler: handler}
	if err := syscall.Connect(fd, loopback(port)); err == syscall.EINPROGRESS {
		c.blocked = true
	} else if err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	if err := c.open(); err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	return c, nil
}

func loopback(port int) *syscall.SockaddrInet4 {
	address := &syscall.SockaddrInet4{Port: port}
	copy(address.Addr[:], net.IPv4(127, 0, 0, 1).To4())
	return address
}
