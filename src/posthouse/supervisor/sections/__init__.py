"""The tables of the configuration file, by the office that reads them."""
