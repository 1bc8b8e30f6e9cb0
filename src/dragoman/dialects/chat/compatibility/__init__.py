"""What happens to each parameter with each model: the pages docs/compatibility.md."""
