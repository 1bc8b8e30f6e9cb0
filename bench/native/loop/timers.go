package loop

// longest is how long the loop sleeps without a timer, so that `done` is asked now and then.
const longest = 50_000_000

type timer struct {
	at   int64
	fire func(now int64)
}

// timers is a binary heap, earliest first. container/heap would cost an allocation and two calls through an
// interface for each of 50,000 events a second.
type timers []timer

// At calls fire once, at `at` (nanoseconds, as Now) or soon after.
func (l *Loop) At(at int64, fire func(now int64)) {
	h := append(l.timers, timer{at, fire})
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			break
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
	l.timers = h
}

func (h *timers) pop() timer {
	list := *h
	first := list[0]
	last := len(list) - 1
	list[0] = list[last]
	list[last].fire = nil
	list = list[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && list[child+1].at < list[child].at {
			child++
		}
		if list[i].at <= list[child].at {
			break
		}
		list[i], list[child] = list[child], list[i]
		i = child
	}
	*h = list
	return first
}

// fire runs what is due and returns how long the loop may sleep. Timers that are set meanwhile and are due at once
// wait for the next round, so that sockets are served in between.
func (h *timers) fire(now int64) int64 {
	for n := len(*h); n > 0 && len(*h) > 0 && (*h)[0].at <= now; n-- {
		h.pop().fire(now)
	}
	if len(*h) == 0 {
		return longest
	}
	return min(max((*h)[0].at-Now(), 0), longest)
}
