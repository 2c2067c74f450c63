package service

// FinalCode is the exit code of a service that ended for good: starting it
// again as it is changes nothing, so the service manager leaves it.
const FinalCode = 3

// Final marks an error with which a service ends for good.
func Final(err error) error { return final{err} }

type final struct{ error }

// Unwrap implements the errors convention.
func (f final) Unwrap() error { return f.error }

// ExitCode is what main exits with.
func (final) ExitCode() int { return FinalCode }
