// Standard containers: much for the compiler to do, a little for the program.
#include <functional>
#include <iostream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

int main() {
    std::regex pattern("a(b|c)*d");
    std::map<std::string, std::variant<int, std::string>> values;
    std::unordered_map<std::string, std::vector<std::function<int(int)>>> calls;
    int sum = 0;
    for (int i = 0; i < 1000; i++) {
        values[std::to_string(i)] = i % 2 ? std::variant<int, std::string>(i) : std::to_string(i);
        calls[std::to_string(i % 7)].push_back([i](int n) { return n + i; });
    }
    for (auto &[key, list] : calls)
        for (auto &call : list) sum += call(1);
    std::ostringstream out;
    for (auto &[key, value] : values) out << key << (value.index() ? std::get<1>(value) : "-");
    std::cout << std::regex_match("abcbcd", pattern) << ' ' << sum << ' ' << out.str().size() << '\n';
}
