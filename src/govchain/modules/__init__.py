"""Built-in rules: one folder for each family; families never import each other."""
