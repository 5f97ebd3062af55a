# Builds the C++ tests with one compiler and standard: COMPILER, STANDARD, BUILD, LIBRARY and TESTS are given by run.
INCLUDE := $(TESTS)/../../include
HEADERS := $(wildcard $(INCLUDE)/*.h $(INCLUDE)/*.hpp $(INCLUDE)/*/*.hpp $(TESTS)/*.hpp)
FLAGS := -std=c++$(STANDARD) -Wall -Wextra -Wconversion -pedantic -Werror $(CXXFLAGS) -I$(INCLUDE) -I$(TESTS)
OBJECTS := $(patsubst $(TESTS)/%.cpp,$(BUILD)/%.o,$(wildcard $(TESTS)/*.cpp))

$(BUILD)/tests: $(OBJECTS) $(LIBRARY)/libpersistent_collections.so
	$(COMPILER) $(CXXFLAGS) $(OBJECTS) -o $@ -L$(LIBRARY) -Wl,-rpath,$(LIBRARY) -lpersistent_collections -lpthread -ldl

# Read once, not once for each test.
$(BUILD)/check.hpp.gch: $(HEADERS) $(TESTS)/build.mk
	$(COMPILER) $(FLAGS) -x c++-header $(TESTS)/check.hpp -o $@

$(BUILD)/%.o: $(TESTS)/%.cpp $(BUILD)/check.hpp.gch
	$(COMPILER) $(FLAGS) -include $(BUILD)/check.hpp -c $< -o $@
