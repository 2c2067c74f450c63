//go:build !linux

package frame_test

func cpuTime() int64 { return 0 }
