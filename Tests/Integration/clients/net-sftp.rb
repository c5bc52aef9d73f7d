# Ruby's net-sftp. The words of the command line are done in one session.
require "net/sftp"

options = { port: ENV["GATE_PORT"].to_i, verify_host_key: :never, config: false, non_interactive: true }
if ENV["GATE_KEY"].empty?
  options.update(password: ENV["GATE_PASSWORD"], auth_methods: ["password"])
else
  options.update(keys: [ENV["GATE_KEY"]], keys_only: true)
end

# upload! of a folder wants the folder to be there, and those below it not: a second time is file by file.
def tree(sftp, folder)
  name = File.basename(folder)
  sftp.mkdir!(name)
  sftp.upload!(folder, name)
rescue Net::SFTP::StatusException => error
  raise unless error.code == Net::SFTP::Constants::StatusCodes::FX_FAILURE
  files = Dir.glob("**/*", base: folder).select { |file| File.file?(File.join(folder, file)) }
  files.each { |file| sftp.upload!(File.join(folder, file), "#{name}/#{file}") }
end

Net::SFTP.start(ENV["GATE_HOST"], ENV["GATE_USER"], options) do |sftp|
  until ARGV.empty?
    case ARGV.shift
    when "put"
      sftp.upload!(ARGV.shift, ARGV.shift)
    when "many"
      Dir.glob(ARGV.shift + "/*") { |file| sftp.upload!(file, File.basename(file)) }
    when "tree"
      tree(sftp, ARGV.shift)
    when "deliver"
      local, temporary, final = ARGV.shift(3)
      sftp.upload!(local, temporary)
      sftp.rename!(temporary, final)
    when "check"
      local, remote = ARGV.shift(2)
      abort "#{remote} has another size" unless sftp.stat!(remote).size == File.size(local)
    end
  end
end
