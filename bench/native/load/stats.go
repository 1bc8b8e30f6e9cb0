package main

import "slices"

// samples are durations in nanoseconds.
type samples []int64

// spread is what is told of a set of durations, in microseconds.
type spread struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

func (s samples) spread() spread {
	if len(s) == 0 {
		return spread{}
	}
	slices.Sort(s)
	at := func(percent int) float64 {
		// The nearest rank: the smallest sample that `percent` of all do not exceed.
		return float64(s[(len(s)*percent+99)/100-1]) / 1000
	}
	return spread{len(s), at(50), at(90), at(99), at(100)}
}

// faults counts errors by their first words and keeps a few of them whole.
type faults struct {
	Total    int      `json:"total"`
	Examples []string `json:"examples"`
}

func (f *faults) add(text string) {
	if f.Total++; len(f.Examples) < 5 {
		f.Examples = append(f.Examples, text)
	}
}
