"""Chat exports become part of the record: `survey` looks at a whole file and writes nothing,
`naming` finds whom its names mean, `taking` writes what the record does not hold yet."""
