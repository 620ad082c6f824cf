"""Several databases as one store: accounts live in cells, mail is taken as long as one of them writes."""
