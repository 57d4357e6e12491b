-- SPDX-License-Identifier: Apache-2.0
-- AXI4-Lite slave (ARM IHI 0022) that writes to memories and tells which design it belongs to.
--
-- Two cycles a write, from address and data to bvalid; two a read. One of each is under way at a
-- time. Reads: 0x0 gives VERSION, 0x4 gives IDENTITY. Writes go to the memories, which say in
-- load_hit, in the cycle of load_valid, whether load_address is one of theirs. All else, and writes
-- that leave out a byte, change nothing and are answered with SLVERR. The low two bits of addresses
-- are not looked at.
-- Bit-true model: sim/models.py (AxilLoader)

library ieee;
  use ieee.std_logic_1164.all;
  use ieee.numeric_std.all;

entity fpgann_axil_loader is
  generic (
    ADDRESS_WIDTH : positive; -- bits of an address in bytes, at least 4
    LOAD_WORDS    : positive; -- words that leave side by side: 32 registers each
    VERSION       : std_ulogic_vector(31 downto 0);
    IDENTITY      : std_ulogic_vector(31 downto 0)
  );
  port (
    clk            : in    std_ulogic;
    rst            : in    std_ulogic; -- synchronous, active high

    s_axil_awaddr  : in    std_ulogic_vector(ADDRESS_WIDTH - 1 downto 0);
    s_axil_awprot  : in    std_ulogic_vector(2 downto 0); -- not looked at
    s_axil_awvalid : in    std_ulogic;
    s_axil_awready : out   std_ulogic;
    s_axil_wdata   : in    std_ulogic_vector(31 downto 0);
    s_axil_wstrb   : in    std_ulogic_vector(3 downto 0);
    s_axil_wvalid  : in    std_ulogic;
    s_axil_wready  : out   std_ulogic;
    s_axil_bresp   : out   std_ulogic_vector(1 downto 0);
    s_axil_bvalid  : out   std_ulogic;
    s_axil_bready  : in    std_ulogic;
    s_axil_araddr  : in    std_ulogic_vector(ADDRESS_WIDTH - 1 downto 0);
    s_axil_arprot  : in    std_ulogic_vector(2 downto 0); -- not looked at
    s_axil_arvalid : in    std_ulogic;
    s_axil_arready : out   std_ulogic;
    s_axil_rdata   : out   std_ulogic_vector(31 downto 0);
    s_axil_rresp   : out   std_ulogic_vector(1 downto 0);
    s_axil_rvalid  : out   std_ulogic;
    s_axil_rready  : in    std_ulogic;

    load_valid     : out   std_ulogic;
    load_address   : out   u_unsigned(ADDRESS_WIDTH - 3 downto 0);          -- in words of 32 bits
    load_data      : out   std_ulogic_vector(32 * LOAD_WORDS - 1 downto 0); -- the latest highest
    load_hit       : in    std_ulogic
  );
end entity;

architecture rtl of fpgann_axil_loader is

  constant OKAY   : std_ulogic_vector(1 downto 0) := "00";
  constant SLVERR : std_ulogic_vector(1 downto 0) := "10";

  signal accept_write : std_ulogic;
  -- vsg_off signal_007
  -- Known before the first reset: what is in the memories at first must stay.
  signal is_writing : std_ulogic := '0'; -- the memories answer
  -- vsg_on signal_007
  signal is_whole : std_ulogic; -- no byte is left out
  signal bvalid   : std_ulogic;
  signal words    : std_ulogic_vector(32 * LOAD_WORDS - 1 downto 0);

  signal accept_read  : std_ulogic;
  signal is_reading   : std_ulogic;
  signal read_address : u_unsigned(ADDRESS_WIDTH - 3 downto 0);
  signal rvalid       : std_ulogic;

begin

  assert ADDRESS_WIDTH >= 4
    report "fpgann_axil_loader: ADDRESS_WIDTH = " & integer'image(ADDRESS_WIDTH) & " is below 4"
    severity failure;

  accept_write <= s_axil_awvalid and s_axil_wvalid and not is_writing
                  and (s_axil_bready or not bvalid) and not rst;
  accept_read  <= s_axil_arvalid and not is_reading and (s_axil_rready or not rvalid) and not rst;

  s_axil_awready <= accept_write;
  s_axil_wready  <= accept_write;
  s_axil_bvalid  <= bvalid;
  s_axil_arready <= accept_read;
  s_axil_rvalid  <= rvalid;

  load_valid <= is_writing and is_whole and not rst;
  load_data  <= words;

  p_write : process (clk)

    variable words_more : std_ulogic_vector(32 * LOAD_WORDS + 31 downto 0);

  begin
    if rising_edge(clk) then
      words_more := s_axil_wdata & words;
      is_writing <= accept_write;
      if accept_write = '1' then
        load_address <= u_unsigned(s_axil_awaddr(ADDRESS_WIDTH - 1 downto 2));
        words        <= words_more(32 * LOAD_WORDS + 31 downto 32);
        is_whole     <= and s_axil_wstrb;
      end if;

      if is_writing = '1' then
        s_axil_bresp <= SLVERR;
        if is_whole = '1' and load_hit = '1' then
          s_axil_bresp <= OKAY;
        end if;
      end if;
      bvalid <= is_writing or (bvalid and not s_axil_bready);

      if rst = '1' then
        is_writing <= '0';
        bvalid     <= '0';
      end if;
    end if;
  end process;

  p_read : process (clk)
  begin
    if rising_edge(clk) then
      is_reading <= accept_read;
      if accept_read = '1' then
        read_address <= u_unsigned(s_axil_araddr(ADDRESS_WIDTH - 1 downto 2));
      end if;

      if is_reading = '1' then
        s_axil_rdata <= (others => '0');
        s_axil_rresp <= SLVERR;
        if read_address = 0 then
          s_axil_rdata <= VERSION;
          s_axil_rresp <= OKAY;
        elsif read_address = 1 then
          s_axil_rdata <= IDENTITY;
          s_axil_rresp <= OKAY;
        end if;
      end if;
      rvalid <= is_reading or (rvalid and not s_axil_rready);

      if rst = '1' then
        is_reading <= '0';
        rvalid     <= '0';
      end if;
    end if;
  end process;

end architecture;
