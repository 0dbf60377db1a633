"""What a set takes before it is built: objects, bytes, hours, space and dollars."""
