# Prints what the Julia package declares of the C ABI: constants, the layout of structs, and prototypes.

using PersistentCollections
const Lib = PersistentCollections.Lib

for name in sort!(names(Lib; all=true))
    value = getfield(Lib, name)
    if startswith(String(name), "PC_")
        println("constant\t", name, '\t', Int64(value))
    elseif value isa DataType && isstructtype(value) && parentmodule(value) === Lib && !(value <: Function)
        println("struct\t", name, '\t', sizeof(value))
        for index in 1:fieldcount(value)
            println("field\t", name, '\t', fieldname(value, index), '\t', fieldoffset(value, index), '\t',
                sizeof(fieldtype(value, index)))
        end
    end
end
