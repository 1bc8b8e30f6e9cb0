package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usage is what processes have used so far, and what they hold.
type usage struct {
	CPUNs int64 `json:"cpu_ns"`
	RSSKB int64 `json:"rss_kb"` // resident, shared pages counted in each process
	PSSKB int64 `json:"pss_kb"` // resident, shared pages divided among those that share them
}

// core is what one processor did, in clock ticks (usually 10 ms).
type core struct {
	Busy  int64 `json:"busy"`
	Idle  int64 `json:"idle"`
	Steal int64 `json:"steal"`
}

// tree is a process and its descendants of this moment.
func tree(root int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if fields := statFields(path); len(fields) > 1 {
			parent, _ := strconv.Atoi(fields[1])
			children[parent] = append(children[parent], pid)
		}
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// statFields are the fields of /proc/PID/stat from the state on; the name before it may hold anything.
func statFields(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// ticks are clock ticks in nanoseconds: USER_HZ is 100 on every Linux that runs Go.
const ticks = 10_000_000

// cpu is the time on a processor that all threads of a process have had, in nanoseconds.
func cpu(pid int) (total int64) {
	threads, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/[0-9]*/schedstat")
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(text), " ")
		spent, _ := strconv.ParseInt(first, 10, 64)
		total += spent
	}
	if total > 0 {
		return total
	}
	// A kernel without schedstat.
	if fields := statFields("/proc/" + strconv.Itoa(pid) + "/stat"); len(fields) > 12 {
		user, _ := strconv.ParseInt(fields[11], 10, 64)
		system, _ := strconv.ParseInt(fields[12], 10, 64)
		return (user + system) * ticks
	}
	return 0
}

func memory(pid int) (rss, pss int64) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return 0, 0
	}
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "Rss:":
			rss, _ = strconv.ParseInt(fields[1], 10, 64)
		case "Pss:":
			pss, _ = strconv.ParseInt(fields[1], 10, 64)
		}
	}
	return rss, pss
}

func cpuOf(pids []int) (total int64) {
	for _, pid := range pids {
		total += cpu(pid)
	}
	return total
}

func memoryOf(pids []int) (rss, pss int64) {
	for _, pid := range pids {
		r, p := memory(pid)
		rss, pss = rss+r, pss+p
	}
	return rss, pss
}

// cores reads what every processor did so far.
func cores() map[string]core {
	all := map[string]core{}
	text, _ := os.ReadFile("/proc/stat")
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 9 || !strings.HasPrefix(fields[0], "cpu") || fields[0] == "cpu" {
			continue
		}
		var values [8]int64 // user nice system idle iowait irq softirq steal
		for i := range values {
			values[i], _ = strconv.ParseInt(fields[i+1], 10, 64)
		}
		all[fields[0][len("cpu"):]] = core{
			Busy:  values[0] + values[1] + values[2] + values[5] + values[6],
			Idle:  values[3] + values[4],
			Steal: values[7],
		}
	}
	return all
}
