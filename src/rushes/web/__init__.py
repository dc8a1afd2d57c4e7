"""HTTP only: parse, call the service, render."""
