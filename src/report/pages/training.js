// The page of a training that ran.
