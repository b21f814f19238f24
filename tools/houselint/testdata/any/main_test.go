package signatures

func Helper(v any) {}
