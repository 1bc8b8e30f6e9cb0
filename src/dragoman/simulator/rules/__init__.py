"""The rules of protocol.md §2b, each where the API's error message would come from."""
