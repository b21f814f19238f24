package signatures

type List[T any] struct{}

type hidden struct{}

func Bad(v any, byName map[string]interface{}) {}

func (l *List[T]) Render(render func(T) any) {}

func Result() (v any, err error) { return nil, nil }

func Log(text string, args ...any) {}

func Generic[T any](v T) T { return v }

func (l *List[T]) Scan(src any) error { return nil }

func (hidden) Method(v any) {}

func function(v any) {}
