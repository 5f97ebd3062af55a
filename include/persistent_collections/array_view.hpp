/// \file
/// Arrays of numbers in the environment's memory: without a copy, at any address.
#ifndef PERSISTENT_COLLECTIONS_ARRAY_VIEW_HPP
#define PERSISTENT_COLLECTIONS_ARRAY_VIEW_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace pc {

/// \cond internal
namespace detail {

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
inline constexpr bool little_endian = false;
#else
inline constexpr bool little_endian = true;
#endif

/// A number that lies little-endian at any address.
template <class T> [[nodiscard]] T load_little(const std::byte *at) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    T number;
    if constexpr (little_endian || sizeof(T) == 1) {
        std::memcpy(&number, at, sizeof(T));
    } else {
        std::byte turned[sizeof(T)];
        for (std::size_t i = 0; i < sizeof(T); i++)
            turned[i] = at[sizeof(T) - 1 - i];
        std::memcpy(&number, turned, sizeof(T));
    }
    return number;
}

/// Stores a number little-endian at any address.
template <class T> void store_little(std::byte *at, const T &number) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(at, &number, sizeof(T));
    if constexpr (!little_endian) {
        for (std::size_t i = 0; i < sizeof(T) / 2; i++)
            std::swap(at[i], at[sizeof(T) - 1 - i]);
    }
}

} // namespace detail
/// \endcond

/// Numbers in memory that it does not own, such as the environment's. Only reading an element copies it,
/// and the memory need not be aligned, so elements are returned by value.
///
/// Its lifetime depends on its origin: one from pc::snapshot::view is valid until the snapshot ends. As
/// a value type of a pc::dict it is stored as `T[]`, like a `std::vector<T>`.
///
/// ```cpp
/// pc::dict<std::string, std::array<float, 3>> colours(env, "colours");
/// colours.put("red", {1, 0, 0});
/// pc::snapshot snapshot(env);
/// pc::array_view<float> red = *snapshot.view(colours, "red");
/// assert(red.size() == 3 && red[0] == 1);
/// assert(std::accumulate(red.begin(), red.end(), 0.0f) == 1);
/// ```
template <class T> class array_view {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>,
                  "persistent_collections: an array_view is of numbers or std::byte");

  public:
    /// The type of an element.
    using value_type = T;
    /// The type of sizes.
    using size_type = std::size_t;
    /// The type of distances.
    using difference_type = std::ptrdiff_t;

    /// Steps through the elements, in any direction and by any distance.
    class iterator {
      public:
        /// Elements are returned by value, since they may not be aligned.
        using iterator_category = std::random_access_iterator_tag;
        /// The type of an element.
        using value_type = T;
        /// The type of distances.
        using difference_type = std::ptrdiff_t;
        /// Elements have no address.
        using pointer = void;
        /// Elements are returned by value.
        using reference = T;

        /// Makes an iterator without a position.
        iterator() noexcept = default;
        /// The element.
        [[nodiscard]] T operator*() const noexcept { return detail::load_little<T>(at_); }
        /// The element at a distance.
        [[nodiscard]] T operator[](difference_type n) const noexcept { return *(*this + n); }
        /// Steps on.
        iterator &operator++() noexcept { return *this += 1; }
        /// Steps on, and returns the previous position.
        iterator operator++(int) noexcept {
            iterator was = *this;
            ++*this;
            return was;
        }
        /// Steps back.
        iterator &operator--() noexcept { return *this += -1; }
        /// Steps back, and returns the previous position.
        iterator operator--(int) noexcept {
            iterator was = *this;
            --*this;
            return was;
        }
        /// Goes on by a distance.
        iterator &operator+=(difference_type n) noexcept {
            at_ += n * static_cast<difference_type>(sizeof(T));
            return *this;
        }
        /// Goes back by a distance.
        iterator &operator-=(difference_type n) noexcept { return *this += -n; }
        /// One further on.
        friend iterator operator+(iterator it, difference_type n) noexcept { return it += n; }
        /// One further on.
        friend iterator operator+(difference_type n, iterator it) noexcept { return it += n; }
        /// One further back.
        friend iterator operator-(iterator it, difference_type n) noexcept { return it -= n; }
        /// The distance.
        friend difference_type operator-(const iterator &a, const iterator &b) noexcept {
            return (a.at_ - b.at_) / static_cast<difference_type>(sizeof(T));
        }
        /// Whether both are at one element.
        friend bool operator==(const iterator &a, const iterator &b) noexcept { return a.at_ == b.at_; }
        /// Whether they are at different elements.
        friend bool operator!=(const iterator &a, const iterator &b) noexcept { return a.at_ != b.at_; }
        /// Whether one is before the other.
        friend bool operator<(const iterator &a, const iterator &b) noexcept { return a.at_ < b.at_; }
        /// Whether one is behind the other.
        friend bool operator>(const iterator &a, const iterator &b) noexcept { return a.at_ > b.at_; }
        /// Whether one is not behind the other.
        friend bool operator<=(const iterator &a, const iterator &b) noexcept { return a.at_ <= b.at_; }
        /// Whether one is not before the other.
        friend bool operator>=(const iterator &a, const iterator &b) noexcept { return a.at_ >= b.at_; }

      private:
        friend class array_view;
        explicit iterator(const std::byte *at) noexcept : at_(at) {}
        const std::byte *at_ = nullptr;
    };
    /// The same: elements cannot be changed.
    using const_iterator = iterator;

    /// Makes an empty view.
    array_view() noexcept = default;
    /// Makes a view of `size` little-endian numbers at `data`, at any address.
    array_view(const void *data, std::size_t size) noexcept
        : data_(static_cast<const std::byte *>(data)), size_(size) {}
    /// Makes a view of a vector's numbers, valid as long as the vector exists and does not move them.
    array_view(const std::vector<T> &numbers) noexcept : array_view(numbers.data(), numbers.size()) {
        static_assert(detail::little_endian || sizeof(T) == 1, "numbers here lie big-endian in memory");
    }
    /// Makes a view of an array's numbers, valid as long as the array exists.
    template <std::size_t N>
    array_view(const std::array<T, N> &numbers) noexcept : array_view(numbers.data(), N) {
        static_assert(detail::little_endian || sizeof(T) == 1, "numbers here lie big-endian in memory");
    }

    /// Returns the number of elements.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Checks whether it is empty.
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// Returns the address of the numbers: little-endian, not aligned.
    [[nodiscard]] const std::byte *data() const noexcept { return data_; }
    /// Returns an element; `index` must be below `size()`.
    [[nodiscard]] T operator[](std::size_t index) const noexcept {
        return detail::load_little<T>(data_ + index * sizeof(T));
    }
    /// Returns an element. Throws `std::out_of_range`.
    [[nodiscard]] T at(std::size_t index) const {
        if (index >= size_)
            throw std::out_of_range("pc::array_view::at");
        return (*this)[index];
    }
    /// Before the first.
    [[nodiscard]] iterator begin() const noexcept { return iterator(data_); }
    /// Behind the last.
    [[nodiscard]] iterator end() const noexcept { return iterator(data_ + size_ * sizeof(T)); }
    /// Copies them into memory with room for `size()` numbers.
    void copy_to(T *numbers) const noexcept {
        if constexpr (detail::little_endian) {
            if (size_ != 0)
                std::memcpy(numbers, data_, size_ * sizeof(T));
        } else {
            for (std::size_t i = 0; i < size_; i++)
                numbers[i] = (*this)[i];
        }
    }
    /// Copies them into a vector.
    [[nodiscard]] std::vector<T> to_vector() const {
        std::vector<T> numbers(size_);
        copy_to(numbers.data());
        return numbers;
    }
    /// Checks whether two have equal elements.
    friend bool operator==(const array_view &a, const array_view &b) noexcept {
        if (a.size_ != b.size_)
            return false;
        for (std::size_t i = 0; i < a.size_; i++)
            if (!(a[i] == b[i]))
                return false;
        return true;
    }
    /// Checks whether two have different elements.
    friend bool operator!=(const array_view &a, const array_view &b) noexcept { return !(a == b); }

  private:
    const std::byte *data_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace pc

#endif
