package people

// Nothing is read while nobody
// follows; somebody asks, Whoever it is.
var bad int // who waits

// The people who read it, a user who asks, and "who goes there?" are people.
var good = "who"
