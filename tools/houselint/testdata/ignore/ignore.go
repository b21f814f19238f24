package ignore

// nobody is silenced. //house:ignore people a name in the domain
var nobody int

//house:ignore people both are people
// somebody and anybody.

// whoever is not, for want of a reason.
//
//house:ignore people
var whoever int //house:ignore humans who

var fine int //house:ignore people nothing here
