package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/millrace/millrace/matrix/npy"
)

// ComputeDigest reads a matrix that has no digest yet, a result most often, and writes its digest into its row.
// Concurrent calls for one matrix get the same digest.
func (s *Store) ComputeDigest(ctx context.Context, m Matrix) ([]byte, error) {
	h := sha256.New()
	if err := s.hashFile(ctx, h, m); err != nil {
		return nil, err
	}
	digest := h.Sum(nil)
	return digest, s.SaveDigest(ctx, m, digest)
}

// hashFile feeds a matrix as a .npy file to a hash.
func (s *Store) hashFile(ctx context.Context, h io.Writer, m Matrix) error {
	file := npy.NewFile(ctx, s.Source(m), m.BlockRows)
	defer func() { _ = file.Close() }()
	if _, err := io.Copy(h, file); err != nil {
		return fmt.Errorf("hashing matrix %s: %w", m.ID, err)
	}
	return nil
}
