package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version is the stamp of the build; empty if there is none.
type Version struct{ Number, Commit string }

func (v Version) String() string {
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		v = v.or(info)
	}
	built := fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if v.Commit != "" {
		built = "commit " + v.Commit + ", " + built
	}
	return fmt.Sprintf("systemfd %s (%s)", v.Number, built)
}

// or fills in what was not stamped, from the build information of the go command.
func (v Version) or(info *debug.BuildInfo) Version {
	if v.Number == "" {
		v.Number = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && v.Commit == "" {
			v.Commit = setting.Value
		}
	}
	return v
}
