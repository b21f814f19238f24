package resource

import (
	"time"

	"github.com/millrace/millrace/matrix"
)

// MatrixList is one page of matrices.
type MatrixList struct {
	Items      []Matrix `json:"items" doc:"Newest first" nullable:"false" maxItems:"200"`
	NextCursor string   `json:"next_cursor,omitempty" pattern:"^[A-Za-z0-9_-]+$" maxLength:"32" doc:"The cursor of the next page; absent on the last one"`
}

// Matrix is a stored matrix.
type Matrix struct {
	ID    string       `json:"id" format:"uuid" maxLength:"36"`
	Rows  int64        `json:"rows"`
	Cols  int64        `json:"cols"`
	DType matrix.DType `json:"dtype" enum:"float64,float32"`
	State string       `json:"state" enum:"uploading,ready"`
	//house:ignore words "product" is a value of the API
	Source    string    `json:"source" enum:"upload,inline,random,product,s3" doc:"How the matrix was made"`
	S3        *Object   `json:"s3,omitempty" doc:"The object that has the elements, if they are read where they are"`
	Bytes     int64     `json:"bytes" doc:"Size of the elements"`
	Digest    string    `json:"digest,omitempty" pattern:"^sha-256:[0-9a-f]{64}$" maxLength:"72" doc:"SHA-256 of the content as .npy, row-major and little-endian, as np.save writes it"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at" doc:"When the matrix will be deleted, unless a multiplication still needs it"`
}
