"""One whole job: recipe in, run folder out; and the finished run, loaded again."""
