"""tusd's hooks: programs outside of this process are asked and told about uploads."""
