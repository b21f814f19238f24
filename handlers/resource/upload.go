package resource

import "time"

// PartialUpload is an upload that goes on in later requests.
type PartialUpload struct {
	ID        string    `json:"id" format:"uuid" maxLength:"36" doc:"Its id, and that of the matrix when it is complete"`
	Length    int64     `json:"length" doc:"Size of the file in bytes"`
	ExpiresAt time.Time `json:"expires_at" doc:"When it will be deleted, unless it goes on"`
}
