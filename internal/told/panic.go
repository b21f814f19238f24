package told

// panicked is the value of a panic as clients read it.
type panicked struct{ value any }

// Error implements error.
func (p panicked) Error() string { return "internal error, see the log of the worker" }

// HidePanic is deferred: it goes on with a panic whose value has a text for clients. The value of a panic may be an
// error of the system.
func HidePanic() {
	if value := recover(); value != nil {
		panic(panicked{value})
	}
}

// PanicValue returns the value that HidePanic has hidden.
//
//house:ignore any the value of a panic has no type
func PanicValue(value any) any {
	if p, ok := value.(panicked); ok {
		return p.value
	}
	return value
}
