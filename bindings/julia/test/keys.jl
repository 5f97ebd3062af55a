# Keys: they come back unchanged, and their bytes sort as the keys do.

encoded(key::K; form=PC.TYPED) where {K} = Vector{UInt8}(codeunits_of(PC.encode_key(PC.Column{K}(form), key)))
codeunits_of(bytes) = bytes isa String ? codeunits(bytes) : bytes

decoded(::Type{K}, bytes; form=PC.TYPED) where {K} =
    GC.@preserve bytes PC.decode_key(PC.Column{K}(form), pointer(bytes), length(bytes))

@testset "one form, and order, of $(first(keys) isa Tuple ? Tuple : typeof(first(keys)))" for keys in Any[
        ["", "\0", "\0a", "a", "a\0", "ab", "b", "é", "日本"],
        [typemin(Int8), Int8(-1), Int8(0), Int8(1), typemax(Int8)],
        [typemin(Int64), -256, -1, 0, 1, 255, 2^40, typemax(Int64)],
        [UInt16(0), UInt16(1), UInt16(256), typemax(UInt16)],
        [-Inf, -1e300, -1.5, -5e-324, 0.0, 5e-324, 1.5, Inf],
        [-Inf32, -1.5f0, 0f0, 1f-40, Inf32],
        [false, true],
        [Date(-5), Date(1969, 12, 31), Date(1970), Date(2024, 2, 29)],
        [DateTime(1900), DateTime(1969, 12, 31, 23, 59, 59, 999), DateTime(1970), DateTime(2024, 2, 29, 12, 34, 56, 789)],
        [UUID(0), UUID(1), UUID(typemax(UInt128))],
        [UInt8[0], UInt8[0, 0], UInt8[1], UInt8[0xff]],
        [("", -1), ("", 0), ("a", -300), ("a", 5), ("a\0", 0), ("b", 0)],
        [(Date(1960), 1.5f0, 'a'), (Date(1970), -1.5f0, 'a'), (Date(1970), 1.5f0, 'a'), (Date(1970), 1.5f0, 'b')],
        [red, green], [:a, :b], ['a', 'b']]
    bytes = map(encoded, keys)
    @test issorted(bytes) && allunique(bytes)
    @test all(isequal(decoded(eltype(keys), bytes[index]), keys[index]) for index in eachindex(keys))
end

@testset "any" begin
    ordered = Any[nothing, UInt8[], UInt8[0], UInt8[0, 1], UInt8[1], "", "\0", "a", "a\0b", "b", (), (nothing,), (nothing, 1), ("a",), ("a", 1), (1, (2, nothing)),
        -big(2)^100, -big(2)^64, -(big(2)^64 - 1), -big(2)^63 - 1, typemin(Int64), -256, -255, -1, 0, 1, 255, 256,
        typemax(Int64), big(2)^63, big(2)^64 - 1, big(2)^64, big(2)^100, -Inf, -1.5, 0.0, 1.5, Inf, false, true, UUID(7)]
    bytes = map(key -> PC.anykey(key), ordered)
    @test issorted(bytes) && allunique(bytes)
    @test all(isequal(PC.readanykey(bytes[index]), ordered[index]) for index in eachindex(ordered))
    @test PC.anykey(-(big(2)^64 - 1)) == [0x0c; zeros(UInt8, 8)]
    @test PC.anykey(-0.0) == PC.anykey(0.0)
    @test PC.anykey(1.5f0) == PC.anykey(1.5)
    for key in (NaN, :a, 'a', missing, [1], Dict(), Date(1970), 1//2, (1, NaN), big(2)^2040)
        @test_throws ArgumentError PC.anykey(key)
    end
    for damaged in ([0x02, 0x61], [0x21, 0x00], [0x05], [0x33], [0x14, 0x00], UInt8[], [0x02, 0xff, 0x00])
        @test_throws ArgumentError PC.readanykey(UInt8.(damaged))
    end
end

@testset "values that cannot be keys" begin
    @test_throws ArgumentError encoded(NaN)
    @test_throws ArgumentError encoded((1, NaN))
    @test encoded(-0.0) == encoded(0.0)
    @test_throws ArgumentError PC.keytypestring(Gap)
    @test_throws InexactError decoded(DateTime, encoded(Int64(1)))
end

@testset "prefixes" begin
    beginning(K, part; form=PC.TYPED) = Vector{UInt8}(codeunits_of(PC.encode_prefix(PC.Column{K}(form), part)))
    @test beginning(String, "ab") == b"ab"
    @test beginning(String, "") == UInt8[]
    @test beginning(String, "\0") == [0, 0]
    @test beginning(Tuple{String,Int}, ("a",)) == encoded(("a",))
    @test beginning(Any, "a\0"; form=PC.ANY) == [0x02, 0x61, 0x00, 0xff]
    @test beginning(Any, ("a",); form=PC.ANY) == [0x05, 0x02, 0x61, 0x00]
    @test_throws ArgumentError beginning(Int, 1)
    @test_throws ArgumentError beginning(Tuple{String}, ("a", 1))
end
