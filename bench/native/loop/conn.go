package loop

import (
	"io"
	"syscall"
	"unsafe"
)

// Handler is told what happens on a connection.
type Handler interface {
	// Data brings bytes; they are only valid during the call.
	Data(c *Conn, data []byte)
	// Drained says that everything written has left.
	Drained(c *Conn)
	// Gone says that the other side, or an error, ended the connection. io.EOF is an orderly end.
	Gone(c *Conn, err error)
}

// Conn is one TCP connection. It reads all the time and keeps in memory what cannot be written yet.
type Conn struct {
	loop    *Loop
	fd      int
	handler Handler
	out     []byte
	blocked bool // waiting for the socket to take more, or for the connection to stand
	closed  bool
}

func (c *Conn) open() error {
	if err := syscall.SetsockoptInt(c.fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		return err
	}
	return c.loop.add(c.fd, c.interest(), c)
}

func (c *Conn) interest() uint32 {
	if c.blocked {
		return syscall.EPOLLIN | syscall.EPOLLOUT
	}
	return syscall.EPOLLIN
}

// Pending is the number of bytes that the socket has not taken yet.
func (c *Conn) Pending() int { return len(c.out) }

// Write sends data, at once as far as the socket takes it. It does not keep data.
func (c *Conn) Write(data []byte) {
	if c.closed {
		return
	}
	if len(c.out) > 0 || c.blocked {
		c.out = append(c.out, data...)
		return
	}
	sent, err := c.send(data)
	if err != nil {
		c.gone(err)
		return
	}
	if sent < len(data) {
		c.out = append(c.out, data[sent:]...)
		c.watch(true)
	}
}

func (c *Conn) send(data []byte) (int, error) {
	// RawSyscall: the socket never blocks, so the Go scheduler need not hear of it.
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(c.fd), uintptr(unsafe.Pointer(&data[0])),
		uintptr(len(data)), syscall.MSG_NOSIGNAL, 0, 0)
	if errno == syscall.EAGAIN || errno == syscall.EINTR {
		return 0, nil
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (c *Conn) watch(blocked bool) {
	c.blocked = blocked
	event := syscall.EpollEvent{Events: c.interest(), Fd: int32(c.fd)}
	_ = syscall.EpollCtl(c.loop.ep, syscall.EPOLL_CTL_MOD, c.fd, &event)
}

func (c *Conn) handle(events uint32) {
	if events&syscall.EPOLLOUT != 0 {
		c.flush()
	}
	if !c.closed && events&(syscall.EPOLLIN|syscall.EPOLLHUP|syscall.EPOLLERR|syscall.EPOLLRDHUP) != 0 {
		c.read()
	}
}

func (c *Conn) flush() {
	if len(c.out) > 0 {
		sent, err := c.send(c.out)
		if err != nil {
			c.gone(err)
			return
		}
		c.out = c.out[:copy(c.out, c.out[sent:])]
	}
	if len(c.out) == 0 {
		c.watch(false)
		c.handler.Drained(c)
	}
}

func (c *Conn) read() {
	buffer := c.loop.buffer
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(c.fd), uintptr(unsafe.Pointer(&buffer[0])),
		uintptr(len(buffer)), 0, 0, 0)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
	case errno != 0:
		c.gone(errno)
	case n == 0:
		c.gone(io.EOF)
	default:
		c.handler.Data(c, buffer[:n])
	}
}

func (c *Conn) gone(err error) {
	if !c.closed {
		c.Close()
		c.handler.Gone(c, err)
	}
}

// Close ends the connection; its handler hears nothing more of it.
func (c *Conn) Close() {
	if c.closed {
		return
	}
	c.closed = true
	delete(c.loop.files, int32(c.fd))
	_ = syscall.Close(c.fd)
}
