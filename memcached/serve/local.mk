# Sessions and commands: no library here yet.
