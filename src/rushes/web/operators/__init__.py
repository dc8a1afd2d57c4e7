"""For whoever runs the server: administration, the doctor, metrics."""
