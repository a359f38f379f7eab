"""Power networks: buses, branches, units and storage as arrays, whatever file they came from."""
