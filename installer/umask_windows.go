package main

// openUmask is for unix; on Windows directories inherit who may read them.
func openUmask() {}
