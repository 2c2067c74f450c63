package drill

import "errors"

var errNoPause = errors.New("a process cannot be paused on Windows")

func pause(int) error  { return errNoPause }
func resume(int) error { return errNoPause }
