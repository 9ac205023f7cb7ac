"""What a new user does in the first hour, done by a script with mouse and keys: counted, timed, filmed."""
