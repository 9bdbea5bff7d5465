//go:build unix

package main

import (
	"io/fs"
	"syscall"
)

// isOwner reports whether a user owns a file.
func isOwner(info fs.FileInfo, uid int) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == uid
}

// private reports whether no other user can read or write a file.
func private(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }
