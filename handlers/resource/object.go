package resource

// Object is an object in a bucket of an S3-compatible store.
type Object struct {
	Bucket  string `json:"bucket" pattern:"\\S" maxLength:"255"`
	Key     string `json:"key" pattern:"\\S" maxLength:"1024"`
	Version string `json:"version,omitempty" doc:"Its id, where the bucket keeps versions" pattern:"\\S" maxLength:"1024"`
	ETag    string `json:"etag,omitempty" doc:"Of the content; absent until it is written" pattern:"\\S" maxLength:"1024"`
}

// Output is where a result is written to.
type Output struct {
	S3 Object `json:"s3"`
}
