package server

import "runtime/debug"

// stamped is the version that the linker sets in builds without the repository, such as that of the image.
var stamped string

// Version returns the version that this binary was built as: a tag, the commit, or (devel).
func Version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
