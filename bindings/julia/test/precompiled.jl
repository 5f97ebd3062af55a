# The calls that are precompiled: `src/precompile.jl`.

# A statement for a method that was renamed, or takes other arguments now, does nothing and says nothing.
@testset "each precompiled call has a method" begin
    @test !precompile(Tuple{typeof(PC.two_texts),String,Int})
    calls = [PC.opening_calls(); PC.item_calls()]
    @test allunique(calls)
    for call in calls
        @test precompile(call)
    end
end
