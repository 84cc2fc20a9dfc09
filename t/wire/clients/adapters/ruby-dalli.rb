# Ruby's dalli, which speaks the binary protocol: ruby-dalli.rb HOST PORT
require "dalli"
require "logger"

Dalli.logger = Logger.new($stderr, level: Logger::FATAL)
client = Dalli::Client.new("#{ARGV[0]}:#{ARGV[1]}", socket_timeout: 5, down_retry_delay: 0.2)

said = ->(done) { done ? "ok" : "no" }
number = ->(found) { found.nil? ? "miss" : "number #{found}" }
value = ->(found) { found.nil? ? "miss" : "value #{found}" }
commands = {
  "set" => ->(key, data, expire) { said[client.set(key, data, expire.to_i, raw: true)] },
  "add" => ->(key, data, expire) { said[client.add(key, data, expire.to_i, raw: true)] },
  "get" => ->(key) { value[client.get(key, raw: true)] },
  "mget" => ->(*keys) { ["values", *client.get_multi(*keys).map { |key, data| "#{key}=#{data}" }].join(" ") },
  "touch" => ->(key, expire) { said[client.touch(key, expire.to_i)] },
  "incr" => ->(key, by) { number[client.incr(key, by.to_i)] },
  "decr" => ->(key, by) { number[client.decr(key, by.to_i)] },
  "delete" => ->(key) { said[client.delete(key)] },
}

$stdout.sync = true
while (line = $stdin.gets)
  name, *words = line.split
  begin
    reply = commands.key?(name) ? commands[name].call(*words) : "unsupported"
  rescue StandardError => error
    reply = "error #{error.class} #{error.message}".gsub(/\s+/, " ")
  end
  $stdout.puts(reply)
end
