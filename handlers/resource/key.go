package resource

import "time"

// Key is a key of the API.
type Key struct {
	ID         string     `json:"id" doc:"What stands in the token after mr_. It is no secret." pattern:"^[0-9A-Za-z]{10}$" maxLength:"10"`
	Name       string     `json:"name" doc:"What people call it" pattern:"\\S" minLength:"1" maxLength:"100"`
	Tenant     string     `json:"tenant" doc:"To whom belongs what is made with the key" pattern:"^[a-z0-9][a-z0-9-]*$" maxLength:"63"`
	Scopes     []string   `json:"scopes" nullable:"false" maxItems:"3" enum:"admin,read,submit" example:"read,submit" doc:"What it is good for: admin contains the others"`
	State      string     `json:"state" enum:"valid,expired,revoked" doc:"Only a valid key is accepted"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty" doc:"Absent if it does not expire"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty" doc:"Absent if it was not revoked"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty" doc:"To within an hour; absent if it was never used"`
}

// NewKey is a key that has just been made.
type NewKey struct {
	Key
	Token string `json:"token" doc:"What clients send. It is shown once: the server does not keep it." pattern:"^mr_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}$" maxLength:"63"`
}

// KeyOrder asks for a key.
type KeyOrder struct {
	Name      string   `json:"name" doc:"What people call it" pattern:"\\S" minLength:"1" maxLength:"100"`
	Tenant    string   `json:"tenant,omitempty" doc:"An existing tenant; that of the caller if it is left out" pattern:"^[a-z0-9][a-z0-9-]*$" maxLength:"63"`
	Scopes    []string `json:"scopes" nullable:"false" minItems:"1" maxItems:"3" uniqueItems:"true" enum:"admin,read,submit" example:"read,submit" doc:"What it is good for: read what changes nothing, submit what makes, changes and deletes resources, admin all, also keys"`
	ExpiresIn *int64   `json:"expires_in,omitempty" minimum:"0" maximum:"315360000" doc:"Seconds until it expires: 90 days if it is left out, 0 for never"`
}

// KeyList is the keys of a tenant, or of all.
type KeyList struct {
	Items []Key `json:"items" nullable:"false" maxItems:"1000" doc:"The newest first. Keys that were revoked or have expired stay for 90 days"`
}

// Session says for whom requests with the present credentials act.
type Session struct {
	Authentication bool       `json:"authentication" doc:"Whether requests need a key at all"`
	Name           string     `json:"name" doc:"Of the key, or of the subject of the token" pattern:"\\S" maxLength:"200"`
	Tenant         string     `json:"tenant" doc:"To whom belongs what is made" pattern:"^[a-z0-9][a-z0-9-]*$" maxLength:"63"`
	Scopes         []string   `json:"scopes" nullable:"false" maxItems:"3" enum:"admin,read,submit" example:"read,submit" doc:"What the credentials are good for"`
	SignedIn       bool       `json:"signed_in" doc:"Whether they are the cookie of a session"`
	ExpiresAt      *time.Time `json:"expires_at,omitempty" doc:"When they end; absent if they do not"`
}
