package stick

import "golang.org/x/sys/windows"

// volumes are the drives that Windows calls removable. A hard disk in a box on USB is
// none of them: its folder can be typed.
func volumes() (out []Volume) {
	drives, err := windows.GetLogicalDrives()
	if err != nil {
		return nil
	}
	for i := range 26 {
		if drives&(1<<i) == 0 {
			continue
		}
		path := string(rune('A'+i)) + `:\`
		root, err := windows.UTF16PtrFromString(path)
		if err != nil || windows.GetDriveType(root) != windows.DRIVE_REMOVABLE {
			continue
		}
		// A reader without a card has a letter and no volume.
		name := make([]uint16, windows.MAX_PATH+1)
		if windows.GetVolumeInformation(root, &name[0], uint32(len(name)), nil, nil, nil, nil, 0) != nil {
			continue
		}
		out = append(out, Volume{Path: path, Name: windows.UTF16ToString(name)})
	}
	return out
}
