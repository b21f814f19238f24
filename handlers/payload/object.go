package payload

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/objects"
)

// inBucket reads the name of an object in a bucket, and then the object's header: it is a .npy file that is not copied.
func (j *jsonReader) inBucket(ctx context.Context, at string) (*jobs.Operand, error) {
	ref, err := j.object(at, true)
	if err != nil {
		return nil, err
	}
	own := j.intake.own
	object, shape, err := own.Store().Objects.Open(ctx, own.ID(), ref, j.intake.maxBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return &jobs.Operand{Matrix: store.Matrix{
		ID:     store.NewID(),
		Rows:   shape.Rows,
		Cols:   shape.Cols,
		DType:  shape.DType,
		Source: store.FromObject,
		State:  store.Ready,
		Object: &object,
	}}, nil
}

// output reads where a result is written to, and finds out whether that may be written.
func (j *jsonReader) output(ctx context.Context, at string) (*objects.Output, error) {
	var o *objects.Output
	for name, err := range j.members(at) {
		switch {
		case err != nil:
			return nil, err
		case name != "s3" || o != nil:
			return nil, fmt.Errorf("%w: %s must have one member, \"s3\"", ErrInvalid, at)
		}
		ref, err := j.object(at+".s3", false)
		if err != nil {
			return nil, err
		}
		own := j.intake.own
		if err := own.Store().Objects.Check(ctx, own.ID(), ref); err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		o = &objects.Output{Ref: ref}
	}
	if o == nil {
		return nil, fmt.Errorf("%w: %s must have \"s3\"", ErrInvalid, at)
	}
	return o, nil
}

// Object returns an operand that is in a bucket as clients read it; nil for none.
func Object(o *objects.Operand) *resource.Object {
	if o == nil {
		return nil
	}
	return &resource.Object{
		Bucket:  o.Bucket,
		Key:     o.Key,
		Version: o.Version,
		ETag:    o.ETag,
	}
}

// Output returns where a result is written to as clients read it; nil for nowhere.
func Output(o *objects.Output) *resource.Output {
	if o == nil {
		return nil
	}
	return &resource.Output{S3: *Object(&objects.Operand{Ref: o.Ref, ETag: o.ETag})}
}

// object reads the name of an object, with that of a version if there may be one. A batch has none: its orders would
// wait for each other's objects.
func (j *jsonReader) object(at string, versions bool) (objects.Ref, error) {
	var ref objects.Ref
	if j.batch != nil {
		return ref, fmt.Errorf("%w: %s: there are no objects in a batch; submit this order by itself, or make a matrix "+
			"of an operand by POST /v1/matrices, and send its matrix_id", ErrInvalid, at)
	}
	members := map[string]*string{"bucket": &ref.Bucket, "key": &ref.Key}
	known := `"bucket" and "key"`
	if versions {
		members["version"] = &ref.Version
		known = `"bucket", "key" and "version"`
	}
	for name, err := range j.members(at) {
		if err != nil {
			return ref, err
		}
		to := members[name]
		if to == nil {
			return ref, unknownMember(at, name, known)
		}
		if *to, err = j.text(at + "." + name); err != nil {
			return ref, err
		}
	}
	if ref.Bucket == "" || ref.Key == "" {
		return ref, fmt.Errorf("%w: %s must have \"bucket\" and \"key\"", ErrInvalid, at)
	}
	return ref, nil
}
