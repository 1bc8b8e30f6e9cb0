"""docs/configuration.md, written from the structs; the running gateway does not use it."""
