package resource

import "time"

// MultiplicationEvent is one change of a multiplication: the data of one server-sent event.
type MultiplicationEvent struct {
	ID       string          `json:"id" doc:"Of the multiplication" format:"uuid" maxLength:"36"`
	State    string          `json:"state" enum:"pending,in_progress,completed,failed,cancelled"`
	Progress float64         `json:"progress" minimum:"0" maximum:"1" doc:"Completed tiles divided by all tiles"`
	Tiles    EventTileCounts `json:"tiles"`
	At       time.Time       `json:"at"`
	Failure  string          `json:"failure,omitempty" doc:"Why it failed, in the last event" pattern:"\\S" maxLength:"4096"`
	Result   *Result         `json:"result,omitempty" doc:"Present once the state is completed"`
}

// EventTileCounts counts the tiles of a multiplication at the time of an event.
type EventTileCounts struct {
	Total     int64 `json:"total"`
	Completed int64 `json:"completed"`
}
