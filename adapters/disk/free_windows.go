package disk

import "golang.org/x/sys/windows"

// Free is how many bytes the file system of dir has left for this process.
func Free(dir string) (uint64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(name, &free, nil, nil) // by itself: a return may read free before it is called
	return free, err
}
