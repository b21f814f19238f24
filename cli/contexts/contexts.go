// Package contexts keeps the servers that a user works with: their addresses, authorities, and where their tokens are.
package contexts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Context is a server, and how it is reached. It has no token, only the name of the file that has one.
type Context struct {
	Server    string `json:"server"`
	TokenFile string `json:"token_file,omitempty"`
	CAFile    string `json:"ca_file,omitempty"`
}

// File is what is kept.
type File struct {
	Current  string             `json:"current,omitempty"` // the context in use, or none
	Contexts map[string]Context `json:"contexts"`
}

// Path returns where the contexts are kept.
func Path() (string, error) {
	folder := os.Getenv("XDG_CONFIG_HOME") // also where the system has another folder
	if !filepath.IsAbs(folder) {
		var err error
		if folder, err = os.UserConfigDir(); err != nil {
			return "", err
		}
	}
	return filepath.Join(folder, "millrace", "contexts.json"), nil
}

// Load reads the contexts. There are none without a file.
func Load() (File, error) {
	f := File{Contexts: map[string]Context{}}
	path, err := Path()
	if err != nil {
		return f, nil //nolint:nilerr // a user without a home, such as that of a container, has no contexts
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		return f, fmt.Errorf("the contexts in %s: %w", path, err)
	}
	if f.Contexts == nil {
		f.Contexts = map[string]Context{}
	}
	return f, nil
}

// Find returns the context with a name, or the one in use if the name is empty, or one without a server if none is.
func (f File) Find(name string) (Context, error) {
	if name == "" {
		name = f.Current
	}
	c, ok := f.Contexts[name]
	if !ok && name != "" {
		return c, fmt.Errorf("there is no context %q: \"millrace context list\" shows those that there are", name)
	}
	return c, nil
}

// Save replaces the file. Only its user can read it.
func (f File) Save() error {
	path, err := Path()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(path), ".contexts-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(part.Name()) }() // unless it was renamed
	_, err = part.Write(append(text, '\n'))
	if err := errors.Join(err, part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), path)
}
